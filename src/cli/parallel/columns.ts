import { MeshError } from '../../core/mesh-error.ts';
import { MAX_ARGUMENTS, tooManyArguments } from './combinations.ts';

/**
 * What splits an argument into its columns at a regular expression, groups of it included
 * (--colsep).
 * @throws MeshError MESH_USAGE for what Perl and JavaScript do not both read, or matches nothing
 */
export function columnSplitter(pattern: string): (text: string) => string[] {
  const expression = expressionOf(pattern);
  if (expression.test('')) {
    const reason = 'it matches the empty text; give one that matches a separator';
    const text = `--colsep ${pattern}: ${reason}`;
    throw new MeshError('MESH_USAGE', text);
  }
  let count = 0;
  return (text) => {
    const columns = text.split(expression).map((column) => column ?? '');
    count += columns.length;
    if (count > MAX_ARGUMENTS) throw tooManyArguments();
    return columns;
  };
}

function expressionOf(pattern: string): RegExp {
  // Perl takes a backslash before any sign; JavaScript's strict form only before its own.
  const strict = pattern.replace(/\\(.)/gsu, (whole, sign: string) =>
    /[\w^$\\.*+?()[\]{}|/]/.test(sign) ? whole : `\\u{${sign.codePointAt(0)?.toString(16)}}`,
  );
  try {
    return new RegExp(strict, 'u');
  } catch (cause) {
    const reason = (cause as Error).message.replace(/^.*: /s, '');
    const text = `--colsep ${pattern}: no regular expression that JavaScript reads (${reason})`;
    throw new MeshError('MESH_USAGE', text, { cause });
  }
}
