import { type Form, flag, list, map, Rejection, refine, text, tuple, whole } from './form.ts';

/** Most tags, paths to read and paths to write that a job or a machine may name, each. */
export const MAX_NAMED = 16;

/** Most slots that one candidate may take. */
export const MAX_CPUS = 1024;

/** Most characters of a tag. */
export const MAX_TAG_CHARS = 64;

/** Most characters of a path. */
export const MAX_PATH_CHARS = 1024;

/** What a machine has, and what it grants to the jobs of others. */
export interface Offer extends Access {
  /** Most memory of all its slots together, in bytes; null: no limit of its own. */
  readonly memoryBytes: number | null;
}

/** What sets machines apart. */
interface Access {
  /** What it is known for, such as `gpu`: rising. */
  readonly tags: readonly string[];
  /** Others' jobs may open network connections. */
  readonly net: boolean;
  /** Others' jobs may read what is under these absolute paths. */
  readonly reads: readonly string[];
  /** Others' jobs may write what is under these absolute paths, and read it. */
  readonly writes: readonly string[];
}

/** What a job needs of a machine that evaluates it. It decides who works, never an outcome. */
export interface Needs extends Access {
  /** Slots that one candidate takes, 1 … MAX_CPUS. */
  readonly cpus: number;
}

const NOTHING: Access = { tags: [], net: false, reads: [], writes: [] };

export const NO_OFFER: Offer = { ...NOTHING, memoryBytes: null };

export const NO_NEEDS: Needs = { ...NOTHING, cpus: 1 };

/** Says whether any machine with a slot will do. */
export function isModest({ cpus, tags, net, reads, writes }: Needs): boolean {
  return cpus === 1 && !net && tags.length + reads.length + writes.length === 0;
}

/** Says whether a machine has what a job needs, whatever it grants. */
export function has(offer: Offer, slots: number, needs: Needs): boolean {
  return needs.cpus <= slots && needs.tags.every((tag) => offer.tags.includes(tag));
}

/** Memory that one candidate may take on a machine with so many slots; null: no limit. */
export function memoryShare({ memoryBytes }: Offer, slots: number, cpus: number): number | null {
  return memoryBytes === null ? null : Math.floor((memoryBytes * cpus) / Math.max(slots, 1));
}

/** Says whether a machine grants to another one's job what that needs. */
export function grants(offer: Omit<Access, 'tags'>, needs: Needs): boolean {
  const { net, reads, writes } = offer;
  const readable = [...reads, ...writes];
  return (
    (net || !needs.net) &&
    needs.reads.every((path) => isUnderAny(path, readable)) &&
    needs.writes.every((path) => isUnderAny(path, writes))
  );
}

function isUnderAny(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => isUnder(path, folder));
}

/** Says whether an absolute path is another one, or lies in it. */
export function isUnder(path: string, folder: string): boolean {
  if (folder === '/' || path === folder) return true;
  return path.startsWith(`${folder}/`) || path.startsWith(`${folder}\\`);
}

/** The needs in words: `4 slots, tag gpu, the network`. */
export function needsText({ cpus, tags, net, reads, writes }: Needs): string {
  return [
    ...(cpus > 1 ? [`${cpus} slots`] : []),
    ...tags.map((tag) => `tag ${tag}`),
    ...(net ? ['the network'] : []),
    ...reads.map((path) => `${path} to read`),
    ...writes.map((path) => `${path} to write`),
  ].join(', ');
}

/** The encodable form of needs. */
export function needsTuple({ cpus, tags, net, reads, writes }: Needs): unknown[] {
  return [cpus, [...tags], net, [...reads], [...writes]];
}

/** A tag: 1–64 printable ASCII characters without spaces and commas. */
export const tagForm: Form<string> = refine(text(MAX_TAG_CHARS, 1), (tag) =>
  /^[!-+\--~]+$/.test(tag) ? undefined : 'not a tag',
);

/** Rising tags, at most MAX_NAMED. */
export const tagsForm: Form<string[]> = rising(tagForm);

/** An absolute path as its machine writes it, without `.` and `..`. */
const pathForm: Form<string> = refine(text(MAX_PATH_CHARS, 1), (path) => {
  const isAbsolute = path.startsWith('/') || /^[A-Za-z]:\\|^\\\\/.test(path);
  const isPlain = path.split(/[/\\]/).every((part) => part !== '.' && part !== '..');
  const isWhole = !path.includes('\0') && isWellFormed(path);
  return isAbsolute && isPlain && isWhole ? undefined : 'not an absolute path';
});

/** Says whether a text has no half of a surrogate pair. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** Needs as `needsTuple` gives them. */
export const needsForm: Form<Needs> = map(
  tuple(whole(1, MAX_CPUS), tagsForm, flag, rising(pathForm), rising(pathForm)),
  ([cpus, tags, net, reads, writes]) => ({ cpus, tags, net, reads, writes }),
);

function rising(form: Form<string>): Form<string[]> {
  const all = list(form, MAX_NAMED);
  const rejection = new Rejection('not in rising order');
  return (value) => {
    const texts = all(value);
    if (texts instanceof Rejection) return texts;
    return texts.every((each, k) => k === 0 || (texts[k - 1] ?? '') < each) ? texts : rejection;
  };
}
