import { Inputs } from './inputs.ts';
import type { Machine } from './machine.ts';
import type { Act, Scenario } from './scenario.ts';
import type { Users } from './users.ts';
import type { World } from './world.ts';

/** Puts a scenario's acts into its world's future. */
export function befall(world: World, scenario: Scenario, users: Users): void {
  world.observers.push(new Inputs(world));
  for (const act of scenario.acts) {
    world.queue.at(act.at, () => perform(world, act, users));
  }
  world.queue.at(scenario.healAt, () => {
    world.heal();
    for (const machine of world.machines) {
      machine.full = false;
      const backMs = world.random.between(0, 3000);
      const { joinsAt } = machine.plan;
      if (joinsAt === null && machine.run === 0) continue;
      world.queue.after(backMs, () => world.switchOn(machine));
    }
  });
}

function perform(world: World, act: Act, users: Users): void {
  switch (act.kind) {
    case 'crash':
      return crash(world, act);
    case 'rot': {
      const machine = world.machine(act.machine);
      for (let k = 0; k < act.entries; k++)
        if (machine.disk.rot(world.random)) world.fire(act.fault);
      world.damaged(machine);
      world.count('disks damaged');
      return world.tell(`a bit flips in ${act.entries} entries of m${act.machine}`);
    }
    case 'full':
      return fill(world, act);
    case 'stall':
    case 'suspend':
      return block(world, act);
    case 'wall':
      world.machine(act.machine).wallOffsetMs += act.jumpMs;
      world.fire(act.fault);
      return world.tell(`wall clock of m${act.machine} jumps by ${act.jumpMs} ms`);
    case 'partition':
      return part(world, act, users);
    case 'slots':
      return resize(world, act);
    case 'cut': {
      const [a, b] = act.machines;
      if (world.network.cut(world.machine(a), world.machine(b))) world.fire(act.fault);
      return;
    }
    case 'stop':
      return stop(world, act);
    case 'operate':
      return users.operate(act);
    case 'copy':
      return copy(world, act);
    case 'forge':
      return users.forge(act);
    case 'verify':
      return users.verify(act);
  }
}

function crash(world: World, act: Extract<Act, { kind: 'crash' }>): void {
  const machine = world.machine(act.machine);
  if (!machine.running) return;
  const end = (): void => {
    world.fire(act.fault);
    if (machine.executors.busy > 0) world.count('crashed at work');
    if (machine.pending.batches.length > 0) world.count('crashed with unsynced writes');
    const { how, keeps, wipes, forMs } = act;
    world.tell(`m${act.machine} ${how}, keeps ${keeps}${wipes ? ', disk wiped' : ''}`);
    machine.crash(how, keeps);
    if (wipes) {
      machine.disk.wipe();
      if (act.forgets) machine.disk.incarnation = 0;
      world.count('disks damaged');
    }
    if (wipes) world.damaged(machine);
    if (forMs === null) machine.gone = true;
    else world.queue.after(forMs, () => world.switchOn(machine));
  };
  if (act.effects === 0) end();
  else machine.crashAfter = { effects: act.effects, run: end };
}

function fill(world: World, act: Extract<Act, { kind: 'full' }>): void {
  const machine = world.machine(act.machine);
  machine.full = true;
  world.fire(act.fault);
  world.tell(`disk of m${act.machine} is full for ${act.forMs} ms`);
  world.queue.after(act.forMs, () => {
    machine.full = false;
  });
}

function resize(world: World, act: Extract<Act, { kind: 'slots' }>): void {
  const machine = world.machine(act.machine);
  if (!machine.running) return;
  const give = (slots: number): void => {
    if (machine.running) machine.deliver({ kind: 'slots', slots });
  };
  give(act.slots);
  if (machine.executors.busy > act.slots) world.count('slots taken away at work');
  world.fire(act.fault);
  world.tell(`m${act.machine} has ${act.slots} slots for ${act.forMs} ms`);
  const forMs = Math.min(act.forMs, world.healAt - world.now);
  world.queue.after(forMs, () => give(machine.plan.slots));
}

function block(world: World, act: Extract<Act, { kind: 'stall' | 'suspend' }>): void {
  const machine = world.machine(act.machine);
  if (!machine.running) return;
  machine.block(act.forMs, act.kind === 'suspend');
  world.fire(act.fault);
  world.tell(`m${act.machine}: ${act.kind} of ${act.forMs} ms`);
}

function part(world: World, act: Extract<Act, { kind: 'partition' }>, users: Users): void {
  const [left, right] = act.sides.map((side) => side.map((number) => world.machine(number)));
  const ways: [Machine, Machine][] = [];
  for (const a of left ?? []) {
    for (const b of right ?? []) {
      ways.push([a, b]);
      if (!act.oneWay) ways.push([b, a]);
    }
  }
  world.network.close(ways);
  world.fire(act.fault);
  if (users.anyRunning()) world.count('partition cut a running job');
  const arrow = act.oneWay ? '-x->' : '|';
  world.tell(`partition ${act.sides[0].join()} ${arrow} ${act.sides[1].join()} ${act.forMs} ms`);
  const forMs = Math.min(act.forMs, world.healAt - world.now);
  world.queue.after(forMs, () => {
    world.network.open(ways);
    world.tell(`partition ${act.sides[0].join()} ${arrow} ${act.sides[1].join()} is over`);
  });
}

/** Ends a process on purpose: it frees its leases, its executors end, its writes are synced. */
function stop(world: World, act: Extract<Act, { kind: 'stop' }>): void {
  const machine = world.machine(act.machine);
  if (!machine.running) return;
  world.fire(act.fault);
  world.tell(`m${act.machine} ${act.forMs === null ? 'leaves' : 'stops'}`);
  machine.deliver({ kind: 'stop', drain: act.forMs === null });
  if (act.forMs === null) machine.gone = true;
  const { run } = machine;
  const endMs = act.forMs === null ? 2000 : 300;
  machine.after(endMs, () => {
    machine.finish();
    const { forMs } = act;
    if (forMs !== null && machine.run === run) {
      world.queue.after(forMs, () => world.switchOn(machine));
    }
  });
}

function copy(world: World, act: Extract<Act, { kind: 'copy' }>): void {
  const [machine, twin] = [world.machine(act.machine), world.machine(act.twin)];
  if (twin.run > 0) return;
  twin.disk.copyFrom(machine.disk);
  world.fire(act.fault);
  world.tell(`m${act.twin} runs a copy of the home of m${act.machine}`);
  world.switchOn(twin);
}
