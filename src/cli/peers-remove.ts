import type { Context } from './context.ts';
import { print } from './context.ts';
import { EXIT } from './exit-code.ts';
import { shortPeer, visible } from './format.ts';
import { rotationText } from './secret.ts';
import { withRunningPeer } from './use-mesh.ts';

/** `meshd peers remove PEER`. */
export async function removePeer(
  context: Context,
  reference: string,
  force: boolean,
): Promise<number> {
  const removed = await withRunningPeer(context, (mesh) =>
    mesh.admission.remove(reference, { force }),
  );
  const label = `${visible(removed.name)} (${shortPeer(removed.peer)})`;
  const secret = removed.rotated
    ? rotationText(removed)
    : 'it still has the mesh secret: run `meshd secret rotate` on another machine';
  print(context, `${label} is removed for good; ${secret}`, {
    event: 'removed',
    ...removed,
  });
  return EXIT.done;
}
