/** How a program begins whose candidates a lasting worker evaluates: it starts processes. */
export const WORKER_MARK = '/*meshd exec*/';

const MARK: Uint8Array = new TextEncoder().encode(WORKER_MARK);

/** Says whether a program was bundled for a lasting worker. */
export function isWorkerProgram(program: Uint8Array): boolean {
  return MARK.every((byte, k) => program[k] === byte);
}
