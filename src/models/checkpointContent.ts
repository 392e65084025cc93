import { type Call, nodeOf, type PickleValue } from './pickle.js';
import { moduleLine, SAVE_STATE, shown, UnusableContent } from './pytorchAdvice.js';
import { buildsTensor, globalName, type TensorView, tensorView } from './torchTensor.js';

/** The state dict in a file of torch.save. */
interface FoundState {
  /** Keys that lead to it, from the top of the checkpoint. */
  readonly keys: readonly string[];
  readonly views: ReadonlyMap<string, TensorView>;
}

/** Where training scripts keep the state dict, by the first that is there. */
const NESTED = ['model_state_dict', 'state_dict', 'model_dict', 'model'] as const;
const MAX_DEPTH = 8;
const MAX_TENSORS = 100_000;

/**
 * Finds the state dict in the checkpoint at `path`. Other content is not looked at. Throws UnusableContent when the place of the
 * state dict, or of one of its tensors, holds something else.
 */
export function findState(content: PickleValue, path: string): FoundState {
  const found = find(content, [], path, new Set());
  if (found !== undefined) return found;
  const keys = [...entriesOf(mapping(content)).keys()];
  const held = keys.slice(0, 10).map(shown).join(', ');
  throw new UnusableContent(
    keys.length === 0
      ? `it holds no state dict. ${SAVE_STATE}`
      : `it holds no tensors at the top or under ${NESTED.join(', ')}, but ${held}${keys.length > 10 ? ', ...' : ''}. ${SAVE_STATE}`,
  );
}

/** @param seen what was searched: a dict may lie in itself, or in a thousand others */
function find(
  value: PickleValue,
  keys: readonly string[],
  path: string,
  seen: Set<PickleValue>,
): FoundState | undefined {
  const call = otherCall(value);
  if (call !== undefined) throw notAState(call, keys, path);
  const dict = mapping(value);
  if (dict === undefined || seen.has(dict) || keys.length > MAX_DEPTH) return undefined;
  seen.add(dict);
  const entries = entriesOf(dict);
  const nested = NESTED.map((key) => [key, entries.get(key) ?? null] as const);
  // A dict before anything else: checkpoints may have an architecture's name or a whole module beside it.
  for (const [key, inner] of nested) {
    const found = mapping(inner) && find(inner, [...keys, key], path, seen);
    if (found !== undefined) return found;
  }
  for (const [key, inner] of nested) {
    const made = otherCall(inner);
    if (made !== undefined && !buildsTensor(made)) throw notAState(made, [...keys, key], path);
  }
  const views = new Map<string, TensorView>();
  for (const [name, item] of entries) {
    const made = otherCall(item);
    if (made === undefined) continue;
    const view = tensorView(made, name);
    if (view === undefined) {
      throw new UnusableContent(
        `${shown(name)} is made by ${shown(globalName(made.callee) ?? '?')}, which builds no tensor; nothing of it was run. ${SAVE_STATE}`,
      );
    }
    if (views.size >= MAX_TENSORS) throw new UnusableContent(`it has more than ${MAX_TENSORS} tensors`);
    views.set(name, view);
  }
  return views.size > 0 ? { keys, views } : undefined;
}

/** A dict or an OrderedDict, itself; undefined for any other value. */
function mapping(value: PickleValue) {
  const call = nodeOf(value, 'call');
  return nodeOf(value, 'dict') ?? (globalName(call?.callee) === 'collections.OrderedDict' ? call : undefined);
}

/** The pairs that have text as their key. */
function entriesOf(dict: ReturnType<typeof mapping>): ReadonlyMap<string, PickleValue> {
  const named = dict?.pairs.flatMap(([key, item]) => (typeof key === 'string' ? [[key, item] as const] : []));
  return new Map(named);
}

/** A call that makes no dict. */
function otherCall(value: PickleValue): Call | undefined {
  return mapping(value) === undefined ? nodeOf(value, 'call') : undefined;
}

/** For a value in the place of the state dict. */
function notAState(call: Call, keys: readonly string[], path: string): UnusableContent {
  const place = keys.length === 0 ? 'it' : `its entry ${keys.map(shown).join('.')}`;
  const callee = shown(globalName(call.callee) ?? '?');
  if (buildsTensor(call)) {
    return new UnusableContent(`${place} is one tensor, not a state dict. ${SAVE_STATE}`);
  }
  // The attributes that nn.Module keeps in its __dict__.
  if (entriesOf(mapping(call.state)).has('_modules')) {
    return new UnusableContent(
      [
        `${place} is a whole model of the class ${callee}, not a state dict. If you trust the file (this runs code in it), save its weights alone with this line of Python:`,
        moduleLine(path, keys),
      ].join('\n'),
    );
  }
  return new UnusableContent(
    `${place} is made by ${callee}, not a state dict; nothing of it was run. ${SAVE_STATE}`,
  );
}
