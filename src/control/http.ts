type Http = typeof import('node:http');

// An import of node:http reads all its exports, and one of them loads the whole of fetch (25 ms).
const http: Http = process.getBuiltinModule('node:http');

/** As of node:http. */
export const createServer: Http['createServer'] = http.createServer;
/** As of node:http. */
export const request: Http['request'] = http.request;
