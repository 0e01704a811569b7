import type { Readable } from 'node:stream';
import { compileTemplate } from '../parallel/template.ts';
import { doneBefore } from './done-before.ts';
import type { CommandFlags } from './flags.ts';
import { blocksOf } from './piping.ts';
import { placesOf } from './places.ts';
import type { Planned } from './plan.ts';
import type { Spool } from './spool.ts';
import { filePlanner } from './transfer.ts';

/** A block's name in the working folder of its command. */
const BLOCK_NAME = '.meshd-block';

/**
 * A command for each block of stdin (--pipe) or of a file (--pipepart), as the input comes: what is
 * wrong with the options is found before anything of it is read. spool: keeps the blocks; null:
 * they are counted only. @throws MeshError MESH_USAGE
 */
export function planBlocks(
  command: readonly string[],
  flags: CommandFlags,
  stdin: Readable,
  spool: Spool | null,
): AsyncGenerator<readonly Planned[]> {
  const isFile = flags.cat === true || flags.fifo === true;
  // A variable that sh replaces.
  const shown = isFile ? ['"$PARALLEL_TMP"'] : [];
  const template = compileTemplate(command, {
    ...placesOf(flags, []),
    ...{ quote: flags.quote === true, adds: false, isRaw: true },
  });
  const done = doneBefore(flags, []);
  const filesOf = filePlanner(flags);
  const blocks = blocksOf(flags, stdin);
  return (async function* () {
    let seq = 0;
    for await (const block of blocks) {
      seq += 1;
      // As in GNU parallel, what --rrs leaves nothing of has a number and no command.
      if (block.length === 0 && flags.pipe === true) continue;
      if (done(seq, [])) continue;
      const files = filesOf([], seq);
      const kept = spool === null ? {} : { block: { name: BLOCK_NAME, isFile } };
      const sent = spool === null ? {} : { sentBlock: await spool.keep(block) };
      const command = template(shown, seq);
      yield [{ seq, args: [], command, files: { ...files, ...kept, ...sent } }];
    }
  })();
}
