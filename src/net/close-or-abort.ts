/** A connection or a stream. */
interface Closeable {
  close(): Promise<void>;
  abort(error: Error): void;
}

/** Closes by agreement with the other side; at once where that does not do its part. */
export async function closeOrAbort(what: Closeable): Promise<void> {
  try {
    await what.close();
  } catch (error) {
    what.abort(error as Error);
  }
}
