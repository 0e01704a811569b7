/** How a program begins whose candidates a lasting worker evaluates: it starts processes. */
export const WORKER_MARK = '/*meshd exec*/';

const MARK: Uint8Array = new TextEncoder().encode(WORKER_MARK);

/** Says whether a program was bundled for a lasting worker. */
export function isWorkerProgram(program: Uint8Array): boolean {
  return MARK.every((byte, k) => program[k] === byte);
}

/** How a worker ends that wrote a line which is no answer. */
export const STRAY = 'a line that nobody asked for';
