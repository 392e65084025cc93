/** A table of texts. */
export function tableOf(caption, names, rows) {
  return { caption, columns: names.map((name) => ({ name })), rows };
}
