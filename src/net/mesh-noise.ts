import type {
  ConnectionEncrypter,
  MessageStream,
  SecuredConnection,
  Startable,
} from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { faultError } from './dial-error.ts';
import type { Gate, Verdict } from './gate.ts';
import type { MeshKeys } from './mesh-secret.ts';

type NoiseFactory = ReturnType<typeof noise>;
type Components = Parameters<NoiseFactory>[0];
type Options = NonNullable<Parameters<ConnectionEncrypter['secureInbound']>[1]>;

/** How long a refused peer has to read why. */
const REFUSED_MS = 1000;

/** The first byte after the handshake, from who was dialed. Numbers are never used again. */
const VERDICTS: readonly Verdict[] = ['admitted', 'removed', 'left-behind'];

/**
 * Noise with a mesh's secret in its prologue: one encrypter for each secret of the gate, named by
 * its key id, the current one first. Both sides take the first that they share. libp2p reads the
 * list at each handshake; with `noiseFollower` a rotation needs no restart.
 */
export function meshNoise(gate: Gate): ((components: Components) => ConnectionEncrypter)[] {
  return gate.keys.map((keys) => (components) => encrypter(gate, keys, components));
}

/** The service that keeps libp2p's list of encrypters that of the gate, while the node runs. */
export function noiseFollower(gate: Gate): (components: Components) => Startable {
  return (components) => {
    let unwatch: (() => void) | null = null;
    return {
      start() {
        unwatch ??= gate.watch(() => follow(gate, components));
        follow(gate, components);
      },
      stop() {
        unwatch?.();
        unwatch = null;
      },
    };
  };
}

/** Makes libp2p's list that of the gate, in its order. */
function follow(gate: Gate, components: Components): void {
  const list = components.upgrader.getConnectionEncrypters();
  const wanted = gate.keys.map(({ keyId }) => protocolOf(keyId));
  if ([...list.keys()].join() === wanted.join()) return;
  const known = new Map(list);
  list.clear();
  for (const keys of gate.keys) {
    const protocol = protocolOf(keys.keyId);
    list.set(protocol, known.get(protocol) ?? encrypter(gate, keys, components));
  }
}

function protocolOf(keyId: string): string {
  return `/meshd-noise/${keyId}`;
}

/** Noise, then one byte by which the dialed side says whether it lets the other in. */
function encrypter(gate: Gate, keys: MeshKeys, components: Components): ConnectionEncrypter {
  const { keyId, prologue } = keys;
  const inner = noise({ prologueBytes: prologue })(components);
  return {
    protocol: protocolOf(keyId),
    async secureInbound(stream: MessageStream, options?: Options) {
      const secured = await inner.secureInbound(stream, options);
      const peer = secured.remotePeer.toString();
      const verdict = gate.judge(peer, keyId);
      secured.connection.send(Uint8Array.of(VERDICTS.indexOf(verdict)));
      if (verdict !== 'admitted') {
        await ended(secured.connection);
        throw new Error(`${peer} is refused: ${verdict}`);
      }
      gate.proved(peer, keyId);
      return secured;
    },
    async secureOutbound(stream: MessageStream, options?: Options) {
      const secured = await inner.secureOutbound(stream, options);
      const verdict = VERDICTS[await firstByte(secured, options?.signal)];
      if (verdict !== 'admitted') {
        if (verdict !== undefined) gate.refused(verdict);
        if (verdict === undefined) throw new Error('refused, for a reason unknown to this version');
        throw faultError(verdict, REFUSED_TEXT[verdict]);
      }
      const peer = secured.remotePeer.toString();
      // The other side may have changed its mind about secrets; this side asks its own gate, too.
      if (gate.judge(peer, keyId) !== 'admitted') throw new Error(`${peer} is not let in here`);
      gate.proved(peer, keyId);
      return secured;
    },
  };
}

const REFUSED_TEXT: Readonly<Record<Exclude<Verdict, 'admitted'>, string>> = {
  removed: 'refused: this machine was removed from the mesh',
  'left-behind': 'refused: the mesh secret was rotated while this machine was away',
};

function ended(stream: MessageStream): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, REFUSED_MS);
    timer.unref();
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    stream.addEventListener('close', done, { once: true });
    stream.addEventListener('remoteCloseWrite', done, { once: true });
    // Nobody reads on; what still comes is thrown away.
    stream.addEventListener('message', () => undefined);
  });
}

/** The first byte that comes; what follows it is left for the next reader. */
function firstByte({ connection }: SecuredConnection, signal?: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      connection.removeEventListener('message', take);
      connection.removeEventListener('close', fail);
      connection.removeEventListener('remoteCloseWrite', fail);
      signal?.removeEventListener('abort', fail);
    };
    const take = ({
      data,
    }: {
      data: Uint8Array | { subarray(from?: number): Uint8Array };
    }): void => {
      const bytes = data.subarray();
      if (bytes.byteLength === 0) return;
      stop();
      if (bytes.byteLength > 1) connection.unshift(bytes.subarray(1));
      resolve(bytes[0] ?? 0);
    };
    const fail = (): void => {
      stop();
      reject(signal?.reason ?? new Error('Remote closed the connection'));
    };
    connection.addEventListener('message', take);
    connection.addEventListener('close', fail);
    connection.addEventListener('remoteCloseWrite', fail);
    signal?.addEventListener('abort', fail);
    if (signal?.aborted === true || connection.status !== 'open') fail();
  });
}
