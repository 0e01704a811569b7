/** Escapes that mean in JavaScript what they mean in Perl. */
const SAME = new Set('dDwWsSbBnrtf');
/** Signs that stand for something where no backslash is before them. */
const SIGNS = /[\^$\\.*+?()[\]{}|/-]/;
const END = '(?![\\s\\S])';

/**
 * A regular expression of Perl's; null for one that has what JavaScript reads in another way, or
 * not at all: variables, possessive quantifiers, classes such as `[:alpha:]` and the like.
 * flags: of `g`, `i`, `m` and `s`.
 */
export function perlPattern(pattern: string, flags: string): RegExp | null {
  const translated = translate(pattern, flags);
  if (translated === null) return null;
  try {
    return new RegExp(translated, `${flags.replace('s', '')}u`);
  } catch {
    return null;
  }
}

function translate(pattern: string, flags: string): string | null {
  let made = '';
  let at = 0;
  const take = (text: string, length: number): void => {
    made += text;
    at += length;
  };
  while (at < pattern.length) {
    const sign = pattern[at] ?? '';
    const rest = pattern.slice(at);
    if (sign === '\\') {
      const stands = escaped(pattern[at + 1]);
      if (stands === null) return null;
      take(stands, 2);
    } else if (sign === '[') {
      const set = /^\[\^?\]?(?:\\.|[^\]\\])*\]/s.exec(rest)?.[0];
      const inside = set === undefined ? null : setOf(set);
      if (set === undefined || inside === null) return null;
      take(inside, set.length);
    } else if (sign === '.') {
      take(flags.includes('s') ? '[\\s\\S]' : '[^\\n]', 1);
    } else if (sign === '$') {
      if (!/^\$(?:$|[)|])/.test(rest)) return null;
      take(flags.includes('m') ? `(?=\\n|${END})` : `(?=\\n?${END})`, 1);
    } else if (sign === '(') {
      if (/^\((?:\*|\?(?!:|=|!|<=|<!))/.test(rest)) return null;
      take('(', 1);
    } else if (sign === '{') {
      const times = /^\{\d+(?:,\d*)?\}/.exec(rest)?.[0];
      take(times ?? '\\{', times?.length ?? 1);
    } else if (sign === '@' && /^@[\w{$:]/.test(rest)) {
      return null;
    } else {
      take(sign === '}' || sign === ']' ? `\\${sign}` : sign, 1);
    }
  }
  return made;
}

/** A class of signs, without those of POSIX. */
function setOf(set: string): string | null {
  if (/\[:|[$@](?=[\w{])/.test(set)) return null;
  let isWhole = true;
  const [, begin = '', first = '', rest = ''] = /^(\[\^?)(\]?)(.*)\]$/s.exec(set) ?? [];
  const signs = rest.replace(/\\(.)|\[/gs, (whole, sign: string | undefined) => {
    if (sign === undefined) return `\\${whole}`;
    const stands = sign === 'b' || sign === 'B' ? null : escaped(sign);
    isWhole &&= stands !== null;
    return stands ?? '';
  });
  return isWhole ? `${begin}${first === '' ? '' : '\\]'}${signs}]` : null;
}

/** What stands for a sign behind a backslash. */
function escaped(sign: string | undefined): string | null {
  if (sign === undefined) return null;
  if (SAME.has(sign) || /[1-9]/.test(sign)) return `\\${sign}`;
  if (sign === 'A') return '(?<![\\s\\S])';
  if (sign === 'z') return END;
  if (sign === 'Z') return `(?=\\n?${END})`;
  if (/\w/.test(sign)) return null;
  return SIGNS.test(sign) ? `\\${sign}` : sign;
}
