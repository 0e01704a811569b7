import type { NeedFlags } from '../publication-flags.ts';

/** The options of `run`. */
export interface CommandFlags extends NeedFlags {
  readonly argFile?: readonly string[];
  readonly null?: boolean;
  readonly delimiter?: string;
  readonly colsep?: string;
  readonly maxArgs?: number;
  readonly maxReplaceArgs?: number;
  /** Short options have no other name. */
  readonly X?: boolean;
  readonly m?: boolean;
  readonly xargs?: boolean;
  readonly maxChars?: number;
  readonly maxLines?: number;
  readonly link?: boolean;
  readonly runIfEmpty?: boolean;
  readonly replace?: string;
  readonly quote?: boolean;
  readonly jobs?: number;
  readonly tag?: boolean;
  readonly keepOrder?: boolean;
  readonly lineBuffer?: boolean;
  readonly ungroup?: boolean;
  readonly joblog?: string;
  readonly resume?: boolean;
  readonly resumeFailed?: boolean;
  readonly results?: string;
  readonly retries?: number;
  readonly halt?: string;
  readonly timeout?: string;
  readonly delay?: string;
  readonly transfer?: boolean;
  readonly transferfile?: readonly string[];
  readonly basefile?: readonly string[];
  readonly return?: readonly string[];
  readonly trc?: readonly string[];
  readonly cleanup?: boolean;
  readonly workdir?: string;
  readonly env?: readonly string[];
  readonly maxOutput?: number;
  readonly memory?: number;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly verbose?: boolean;
  readonly printed?: boolean;
  readonly shuf?: boolean;
  readonly header?: string;
  readonly bar?: boolean;
  readonly eta?: boolean;
  readonly deadline?: number;
  readonly priority?: number;
  readonly name?: string;
  readonly out?: string;
  readonly summary?: string;
  readonly detach?: boolean;
}
