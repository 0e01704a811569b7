import type { Change } from './perl-change.ts';
import { perlPattern } from './perl-pattern.ts';

/** What --plus takes in bash's way, behind `{` and a position. */
export const BASH_FORM: RegExp = /(?::-|:(?=\d)|#|%|\/|\^|,)[^{}]+/;

/**
 * What --plus makes of an argument by a text as bash has it, without its braces: `%.txt`, `#a`,
 * `/a/b`, `//a/b`, `:2`, `:2:3`, `:-none`, `^a`, `,,A`; the parts are regular expressions. Null for
 * what is none, or has what Perl alone reads.
 */
export function bashChange(text: string): Change | null {
  const [, other] = /^:-(.+)$/s.exec(text) ?? [];
  if (other !== undefined) return (now) => (now === '' || now === '0' ? other : now);
  const [isPart, from, length] = /^:(\d{1,9})(?::(\d{1,9}))?$/.exec(text) ?? [];
  if (isPart !== undefined) {
    const end = length === undefined ? undefined : Number(from) + Number(length);
    return (now) => [...now].slice(Number(from), end).join('');
  }
  const [, way, pattern, by] = /^\/([/#%]?)([^/]+)\/(.*)$/s.exec(text) ?? [];
  if (way !== undefined && pattern !== undefined && by !== undefined) {
    const around = way === '#' ? `^${pattern}` : way === '%' ? `${pattern}$` : pattern;
    return replaced(around, way === '' ? '' : 'g', () => by);
  }
  const [, sign = '', ends = ''] = /^(##?|%%?|\^\^?|,,?)(.+)$/s.exec(text) ?? [];
  switch (sign) {
    case '':
      return null;
    case '##':
      return replaced(`^${ends}`, '', () => '');
    case '%%':
      return replaced(`${ends}$`, '', () => '');
    case '#':
      // Of these the shortest part goes, for which Perl's expression is written anew.
      return /[*+?{]/.test(ends) ? null : replaced(`^${ends}`, '', () => '');
    case '%':
      return /[*+?{]/.test(ends) ? null : replaced(`(.*)${ends}$`, '', (_, before) => before);
    default: {
      const isUpper = sign.startsWith('^');
      const around = sign.length === 1 ? `^(?:${ends})` : ends;
      return replaced(around, sign.length === 1 ? '' : 'g', (part) =>
        part.replace(/[A-Za-z]+/g, (some) => (isUpper ? some.toUpperCase() : some.toLowerCase())),
      );
    }
  }
}

function replaced(
  pattern: string,
  flags: string,
  by: (whole: string, group: string) => string,
): Change | null {
  const expression = perlPattern(pattern, flags);
  if (expression === null) return null;
  return (text) => text.replace(expression, (whole: string, group: string) => by(whole, group));
}
