import type { Admission, RemovedPeer, Rotation } from '../node/admission/admission.ts';
import type { TrustChange } from '../node/admission/trust-list.ts';
import type { ControlClient } from './client.ts';

/** What is asked of a peer about admission, as methods and paths of the control API. */
const ROUTES = {
  rotate: 'POST secret',
  remove: 'POST removals',
  trusted: 'GET trust',
  trust: 'POST trust',
} as const;

/** Answers a request about admission; undefined when it is about something else. */
export async function answerAdmission(
  admission: Admission,
  route: string,
  query: URLSearchParams,
): Promise<unknown> {
  switch (route) {
    case ROUTES.rotate:
      return admission.rotate();
    case ROUTES.remove:
      return admission.remove(query.get('peer') ?? '', { force: query.has('force') });
    case ROUTES.trusted:
      return admission.trusted();
    case ROUTES.trust:
      return admission.trust({ add: query.getAll('add'), remove: query.getAll('remove') });
    default:
      return undefined;
  }
}

/** Admission by the running peer of a home. */
export class RemoteAdmission implements Admission {
  readonly #client: ControlClient;

  constructor(client: ControlClient) {
    this.#client = client;
  }

  async rotate(): Promise<Rotation> {
    return (await this.#client.ask('POST', 'secret')) as Rotation;
  }

  async remove(peer: string, options: { readonly force?: boolean } = {}): Promise<RemovedPeer> {
    const query = new URLSearchParams({ peer });
    if (options.force === true) query.set('force', '');
    return (await this.#client.ask('POST', `removals?${query}`)) as RemovedPeer;
  }

  async trusted(): Promise<readonly string[]> {
    return (await this.#client.ask('GET', 'trust')) as string[];
  }

  async trust({ add = [], remove = [] }: TrustChange): Promise<readonly string[]> {
    const query = new URLSearchParams();
    for (const peer of add) query.append('add', peer);
    for (const peer of remove) query.append('remove', peer);
    return (await this.#client.ask('POST', `trust?${query}`)) as string[];
  }
}
