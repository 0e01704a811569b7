import {
  type GossipSub,
  gossipsub,
  type Message,
  TopicValidatorResult,
} from '@chainsafe/libp2p-gossipsub';
import type { PeerId } from '../core/ids.ts';
import { MAX_GOSSIP_BYTES } from '../core/message-codec.ts';

/** libp2p's interface leaves out what its own class can do. */
type Publish = (topic: string, body: Uint8Array, how: { floodPublish: boolean }) => Promise<object>;

/** The libp2p service behind `Gossip`. */
export type GossipService = ReturnType<typeof gossipsub>;

/** The gossipsub service for one topic. */
export function gossipService(topic: string): GossipService {
  return gossipsub({
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    allowedTopics: [topic],
    emitSelf: false,
    globalSignaturePolicy: 'StrictSign',
    maxInboundDataLength: MAX_GOSSIP_BYTES,
    maxOutboundBufferSize: 8 * 1024 * 1024,
    // A message comes from several neighbours, and each copy would have its signature verified.
    // Only verified ones are remembered by this: a forged copy cannot take the true one's place.
    fastMsgIdFn: ({ signature }) => Buffer.from(signature ?? []).toString('base64'),
    runOnLimitedConnection: true,
    // All the peers of an office, a relay or a test share one address; the default would silence
    // more than ten of them.
    scoreParams: { IPColocationFactorWeight: 0 },
  });
}

/** The one topic of a mesh: publishes, and checks and hands on what comes. */
export class Gossip {
  readonly #service: GossipSub;
  readonly #topic: string;

  /**
   * `accept` sees each message once, with the peer that signed it; when it says false, the message
   * is not passed on to other peers.
   */
  constructor(
    service: GossipSub,
    topic: string,
    accept: (from: PeerId, body: Uint8Array) => boolean,
  ) {
    this.#service = service;
    this.#topic = topic;
    service.topicValidators.set(topic, (_sender: unknown, message: Message) => {
      if (message.type !== 'signed') return TopicValidatorResult.Reject;
      const isGood = accept(message.from.toString(), message.data);
      return isGood ? TopicValidatorResult.Accept : TopicValidatorResult.Reject;
    });
    service.subscribe(topic);
  }

  /**
   * Resolves when handed to libp2p. widely: to all who are connected first, not to a few alone.
   * @throws whatever libp2p says; the message is then lost.
   */
  async publish(body: Uint8Array, widely: boolean): Promise<void> {
    const service: { publish: Publish } = this.#service;
    await service.publish(this.#topic, body, { floodPublish: widely });
  }

  /** Peers known to listen to the topic. */
  subscribers(): PeerId[] {
    return this.#service.getSubscribers(this.#topic).map((peer) => peer.toString());
  }

  close(): void {
    this.#service.topicValidators.delete(this.#topic);
  }
}
