/**
 * Checks what a YAML or JSON text says. Throws an Error where a part of it holds itself, as aliases of YAML can have it, and for the key
 * `__proto__`, which objects take for something else.
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
