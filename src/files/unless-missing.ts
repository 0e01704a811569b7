/** Null where there is no such file, or none that may be seen. @throws error for anything else */
export function unlessMissing(error: NodeJS.ErrnoException): null {
  const { code } = error;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return null;
  throw error;
}
