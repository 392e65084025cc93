/**
 * Checks the content of a YAML or JSON text. Throws an Error if it contains itself, as YAML's aliases allow, and for the key
 * `__proto__`, which objects treat differently.
 */
export function requirePlain(content: unknown): unknown {
  try {
    JSON.stringify(content, (key, value: unknown) => {
      if (key === '__proto__') throw new RangeError('it has the key __proto__, which names nothing');
      return value;
    });
  } catch (error) {
    if (error instanceof TypeError) throw new Error('a part of it holds itself', { cause: error });
    throw error;
  }
  return content;
}
