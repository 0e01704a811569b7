import type { Effect, PeerEvent } from '../../../src/core/event.ts';
import type { Machine } from '../world/machine.ts';
import type { Observer, World } from '../world/world.ts';

/** Writes down what happens in a world, a line each: time, machine, what. */
export class Transcript implements Observer {
  readonly lines: string[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  told(what: string): void {
    this.#add('', what);
  }

  started(machine: Machine): void {
    this.#add(machine.plan.name, `starts (run ${machine.run})`);
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    const { name } = machine.plan;
    if (event.kind === 'part') {
      this.#add(name, `evaluated ${event.part.lo}–${event.part.hi}`);
    } else if (event.kind === 'connected' || event.kind === 'refused') {
      this.#add(name, `${event.kind} ${this.#name(event.peer)}`);
    } else if (event.kind === 'disconnected') {
      this.#add(name, `disconnected ${this.#name(event.peer)}${event.reset ? ', reset' : ''}`);
    }
    for (const effect of effects) {
      if (effect.kind === 'log') this.#add(name, `${effect.event} ${this.#fields(effect.fields)}`);
      else if (effect.kind === 'execute') {
        this.#add(name, `executes ${effect.execution.lo}–${effect.execution.hi}`);
      } else if (effect.kind === 'stop') this.#add(name, `${effect.mode}s ${effect.execution}`);
      else if (effect.kind === 'answer')
        this.#add(name, `answers ${JSON.stringify(effect.result)}`);
    }
  }

  #add(name: string, what: string): void {
    const time = (this.#world.now / 1000).toFixed(3).padStart(8);
    this.lines.push(`${time} ${name.padEnd(4)} ${what}`);
  }

  #name(peer: string): string {
    return this.#world.machines.find(({ id }) => id === peer)?.plan.name ?? peer;
  }

  #fields(fields: Readonly<Record<string, unknown>>): string {
    return Object.entries(fields)
      .map(([key, value]) => `${key} ${this.#text(value)}`)
      .join(', ');
  }

  #text(value: unknown): string {
    if (typeof value !== 'string') return JSON.stringify(value);
    if (value.startsWith('peer-')) return this.#name(value);
    return value.length === 64 ? value.slice(0, 8) : value;
  }
}
