/** What an executor has open beside stderr: where it hears its peer, … */
export const FROM_PEER_FD = 3;
/** … the ledger that its peer handed over, … */
export const LEDGER_FD = 4;
/** … and where it tells its peer. Two ways, for its reads are not to wait and its writes are. */
export const TO_PEER_FD = 5;
