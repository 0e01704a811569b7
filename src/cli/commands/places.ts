import type { Places } from '../parallel/placeholders.ts';
import type { CommandFlags } from './flags.ts';

/** What the options say of placeholders. columns: what a header calls the arguments. */
export function placesOf(flags: CommandFlags, columns: readonly string[]): Places {
  const { replace, plus, rpl = [] } = flags;
  const renamed = {
    ...{ '{.}': flags.er, '{/}': flags.bnr, '{//}': flags.dnr, '{/.}': flags.bner },
    ...{ '{#}': flags.seqreplace, '{%}': flags.slotreplace },
  };
  return {
    ...{ columns, plus: plus === true, rules: rpl },
    renamed: Object.fromEntries(
      Object.entries(renamed).flatMap(([of, text]) => (text === undefined ? [] : [[of, text]])),
    ),
    ...(replace === undefined ? {} : { replacement: replace }),
  };
}
