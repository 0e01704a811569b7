/** The protocol's constants of time, all in ms. */
export interface Timing {
  /** Between two heartbeats, ± 20 %, in a mesh of up to 100 peers. @default 1000 */
  readonly heartbeatMs: number;
  /**
   * Least time between two heartbeats that a change brought forward in a mesh of ten peers or more;
   * of fewer a tenth of it for each. @default 250
   */
  readonly heartbeatGapMs: number;
  /** Silence after which a peer is dead, at least. @default 7000 */
  readonly deadMs: number;
  /** Time without a heartbeat after direct evidence of death. @default 1000 */
  readonly evidenceMs: number;
  /** Silence after which a peer is off the roster. @default 600000 */
  readonly rosterMs: number;
  /** Between two exchanges of summaries, ± 50 %. @default 10000 */
  readonly syncMs: number;
  /** Longest wait for the first exchange after a start. @default 2000 */
  readonly settleMs: number;
  /** A running lease older than this does not yield to another. @default 500 */
  readonly yieldMs: number;
  /** From yielding to kill: what a batch in hand may take. @default 100 */
  readonly yieldGraceMs: number;
  /** From cancel to kill. @default 5000 */
  readonly graceMs: number;
  /** Before what was lost three times is tried again, doubled each time. @default 60000 */
  readonly lostMs: number;
  /** How long an ended job's records are kept. @default 604800000 (7 days) */
  readonly keepMs: number;
  /** Aim for a block's duration once a job runs for some seconds. @default 1000 */
  readonly blockMs: number;
  /** Least duration of a block: 4 times the delay of gossip in a fast network. @default 40 */
  readonly leastBlockMs: number;
  /** Before an unanswered question for a blob or a receipt is put again. @default 2000 */
  readonly askMs: number;
}

/** For machines in one network. */
export const DEFAULT_TIMING: Timing = {
  heartbeatMs: 1000,
  heartbeatGapMs: 250,
  deadMs: 7000,
  evidenceMs: 1000,
  rosterMs: 600_000,
  syncMs: 10_000,
  settleMs: 2000,
  yieldMs: 500,
  yieldGraceMs: 100,
  graceMs: 5000,
  lostMs: 60_000,
  keepMs: 7 * 24 * 3_600_000,
  blockMs: 1000,
  leastBlockMs: 40,
  askMs: 2000,
};

/** For many peers in one process or on one machine. */
export const SLOW_TIMING: Timing = {
  ...DEFAULT_TIMING,
  heartbeatMs: 4000,
  heartbeatGapMs: 1000,
  deadMs: 30_000,
};
