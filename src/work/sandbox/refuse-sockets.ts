import net from 'node:net';
import { resolve } from 'node:path';
import { denied } from './denied.ts';

/** What Node's sockets with a path are made of; all of `net`, `http` and `tls` come to it. */
interface PipeHandle {
  /** Of a request of Node's, and a path; likewise the next one, without a request. */
  connect(...given: readonly unknown[]): unknown;
  bind(...given: readonly unknown[]): unknown;
}

/**
 * From now on sockets with a path are refused where Node's permission model would not let the path
 * be written: the model looks at files alone, and the sockets of a user (of Docker, an ssh agent, a
 * desktop) give as much as files do. What has no path in the file system is refused, too.
 */
export function refuseSockets(): void {
  const pipe = pipePrototype();
  const { permission } = process;
  const mayWrite = permission?.has.bind(permission) ?? (() => false);
  // User code can replace functions of the language and of Node: those in use are kept here.
  const { apply } = Reflect;
  const { platform } = process;
  const absolute = resolve;
  const refuse = denied;
  const checked = (path: unknown): string => {
    // A named pipe of Windows is no file, nor is what begins with a zero on Linux.
    if (typeof path === 'string' && path[0] === '/' && platform !== 'win32') {
      const plain = absolute(path);
      if (mayWrite('fs.write', plain)) return plain;
    }
    throw refuse('no sockets with a path.', 'UnixSocket', typeof path === 'string' ? path : '');
  };
  const { connect, bind } = pipe;
  const guards = {
    connect(this: unknown, request: unknown, path: unknown): unknown {
      return apply(connect, this, [request, checked(path)]);
    },
    bind(this: unknown, path: unknown): unknown {
      return apply(bind, this, [checked(path)]);
    },
  };
  for (const [name, value] of Object.entries(guards)) {
    Object.defineProperty(pipe, name, { value, writable: false, configurable: false });
  }
}

function pipePrototype(): PipeHandle {
  const socket = new net.Socket();
  socket.on('error', () => undefined);
  // Nobody is there; the handle is made at once.
  socket.connect(process.platform === 'win32' ? '\\\\.\\pipe\\meshd-none' : '/dev/null/none');
  const { _handle: handle } = socket as unknown as { readonly _handle: object | null };
  socket.destroy();
  if (handle === null) throw new Error('this Node makes sockets in another way');
  const prototype = Object.getPrototypeOf(handle) as PipeHandle;
  if (!Object.hasOwn(prototype, 'connect') || !Object.hasOwn(prototype, 'bind')) {
    throw new Error('this Node makes sockets in another way');
  }
  return prototype;
}
