import { isNamed, rests, trusts, unmet } from '../../core/duty.ts';
import type { JobState } from '../../core/job-state.ts';
import { isOfClass } from '../../core/manifest.ts';
import { grants, memoryShare, needsText } from '../../core/needs.ts';
import type { PeerState } from '../../core/peer-state.ts';

/** Why this machine does not work on a job that goes on, in words; null when it does. */
export function whyNotHere(state: PeerState, job: JobState): string | null {
  if (!job.active) return null;
  const { computation, manifest } = job;
  const { owner } = manifest;
  if (!trusts(state, owner)) {
    const name = state.roster.get(owner)?.register.name;
    const publisher = name === undefined ? owner : `${name} (${owner})`;
    return `its publisher ${publisher} is not trusted on this machine`;
  }
  if (state.only !== null && !isNamed(job, state.only)) {
    return `this machine is there for ${JSON.stringify(state.only)} alone`;
  }
  if (rests(state, job)) return 'nobody waits for it: `meshd attach` does, or the same command';
  if (!isOfClass(computation.spec, state.self.mathClass)) {
    return `it needs Math class ${computation.spec.mathClass}, this machine has another`;
  }
  // A peer without slots, such as that of a command that only looks, works on nothing.
  if (state.self.slots > 0 && unmet(state, job) !== null) return whyUnmet(state, job);
  switch (state.refuses.get(computation.id)) {
    case 'setup':
      return 'its program does not start on this machine: its log says why';
    case 'memory':
      return 'a candidate took more than the memory that --memory leaves a slot of this machine';
    default:
      return null;
  }
}

/** What of its needs this machine does not have, and what it does not grant, with what would. */
export function whyUnmet({ self, offer, kin }: PeerState, { manifest }: JobState): string {
  const { owner, needs, limits } = manifest;
  const isOwn = owner === self.peer || kin.has(owner);
  const refused = {
    cpus: 1,
    tags: [],
    net: needs.net && !offer.net,
    reads: needs.reads.filter((path) => !grants(offer, { ...needs, ...ONLY, reads: [path] })),
    writes: needs.writes.filter((path) => !grants(offer, { ...needs, ...ONLY, writes: [path] })),
  };
  const lacking = needsText({
    ...{ net: false, reads: [], writes: [] },
    cpus: needs.cpus > self.slots ? needs.cpus : 1,
    tags: needs.tags.filter((tag) => !offer.tags.includes(tag)),
  });
  const parts = lacking === '' ? [] : [`${lacking}, which this machine does not have`];
  const most = memoryShare(offer, self.slots, needs.cpus);
  if (most !== null && (limits.memoryBytes ?? 0) > most) {
    const [needed, share] = [limits.memoryBytes ?? 0, most].map((bytes) => bytes / 1e6);
    parts.push(`${needed} MB of memory, where --memory leaves it ${Math.floor(share ?? 0)} MB`);
  }
  const closed = isOwn ? '' : needsText(refused);
  if (closed !== '') {
    const options = [
      ...(refused.net ? ['--grant-net'] : []),
      ...refused.reads.map((path) => `--grant-read ${path}`),
      ...refused.writes.map((path) => `--grant-write ${path}`),
    ];
    const flags = `meshd start ${options.join(' ')}`;
    parts.push(`${closed}, which this machine does not grant (${flags} does)`);
  }
  return `it needs ${parts.join('; and ')}`;
}

const ONLY = { net: false, reads: [], writes: [] };
