import { basename, dirname, extname, join } from 'node:path';

/** A file that is whole, but holds what cannot be loaded; the message says what to do. */
export class UnusableContent extends Error {}

/** The advice for a file that holds something else than a state dict. */
export const SAVE_STATE = 'Save the state dict alone: torch.save(model.state_dict(), ...)';

/** The line of Python that writes a file again in the zip format. */
export function resaveLine(path: string): string {
  return saveLine(`torch.load(${python(path)}, map_location="cpu")`, path);
}

/** The line of Python that writes a TorchScript module's state dict. */
export function scriptLine(path: string): string {
  return saveLine(`torch.jit.load(${python(path)}, map_location="cpu").state_dict()`, path);
}

/** The line of Python that writes the state dict of a module saved whole, at `keys` in the checkpoint. */
export function moduleLine(path: string, keys: readonly string[]): string {
  const index = keys.map((key) => `[${python(key)}]`).join('');
  return saveLine(
    `torch.load(${python(path)}, map_location="cpu", weights_only=False)${index}.state_dict()`,
    path,
  );
}

/** Text of a file for an error message: quoted, without control characters, and not endless. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text).replace(
    /[\u007f-\u009f]/g,
    '?',
  );
}

function saveLine(value: string, path: string): string {
  const converted = join(dirname(path), `${basename(path, extname(path))}.state_dict.pth`);
  return `  import torch; torch.save(${value}, ${python(converted)})`;
}

/** JSON's escapes are also Python's. */
function python(text: string): string {
  return JSON.stringify(text);
}
