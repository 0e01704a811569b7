import { type Context, tell } from './context.ts';
import type { ProgressView } from './progress-view.ts';

/** After so long without any outcome a worker is called silent, in ms. */
const SILENT_MS = 5000;

/** A view that also says once, of a job of lasting workers, that none of them answers. */
export function silentWorkerView(
  context: Context,
  view: ProgressView,
  now: () => number = () => performance.now(),
): ProgressView {
  const startedAt = now();
  let isTold = false;
  return {
    update(progress) {
      const { evaluated, status, slots } = progress;
      if (!isTold && evaluated > 0) isTold = true;
      if (!isTold && status === 'running' && slots > 0 && now() - startedAt >= SILENT_MS) {
        isTold = true;
        view.clear();
        const message =
          `no worker has answered for ${SILENT_MS / 1000} s: if candidates are not that long, ` +
          'does it flush its output after each line? (python: print(…, flush=True))';
        tell(context, `hint: ${message}`, { level: 'info', event: 'hint', message });
      }
      view.update(progress);
    },
    clear: () => view.clear(),
  };
}
