/** The error of what this program refuses in a sandbox, in the form of Node's own refusals. */
export function denied(what: string, permission: string, resource = ''): Error {
  const error = new Error(`Access to this API has been restricted: ${what}`);
  return Object.assign(error, { code: 'ERR_ACCESS_DENIED', permission, resource });
}
