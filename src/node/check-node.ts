/** Says what is wrong with a version of Node for this package; null for one that will do. */
export function nodeFault(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 12)) return null;
  return `meshd needs Node >= 22.12, you have ${version}`;
}

const fault = nodeFault(process.versions.node);
// Else it would fail later of the first thing that is missing.
if (fault !== null) throw new Error(fault);
