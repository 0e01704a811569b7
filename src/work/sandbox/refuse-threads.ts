import { syncBuiltinESMExports } from 'node:module';
import workerThreads from 'node:worker_threads';

/**
 * From now on nobody in this process starts a thread. Node's own switch for that is for the whole
 * process, and the warden is a thread.
 */
export function refuseThreads(): void {
  class RefusedWorker {
    constructor() {
      const error = new Error('Access to this API has been restricted: no threads here.');
      throw Object.assign(error, { code: 'ERR_ACCESS_DENIED', permission: 'WorkerThreads' });
    }
  }
  Object.assign(workerThreads, { Worker: RefusedWorker });
  syncBuiltinESMExports();
}
