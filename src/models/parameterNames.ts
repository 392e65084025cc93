import { shown, UnusableContent } from './pytorchAdvice.js';

/** Put before every name by DataParallel and DistributedDataParallel, and by torch.compile. */
const WRAPPERS = /^(?:module\.|_orig_mod\.)+/;
/** A linear layer in an nn.Sequential that has nothing else with parameters. */
const SEQUENTIAL_HEAD = /^(fc|head)\.0\.(weight|bias)$/;

/** SubpopBench's algorithms: a torchvision or timm model without its head, a linear layer, and both again as `network`. */
const FEATURIZER = 'featurizer.network.';
const CLASSIFIER = /^classifier\.(weight|bias)$/;

/**
 * Undoes what wrappers and training scripts do to parameter names: the prefixes `module.` and `_orig_mod.`, a head in an
 * nn.Sequential (`fc.0.weight` is `fc.weight`), and SubpopBench's algorithms, of which the featurizer and the classifier are kept.
 *
 * @returns the values by the names that the model's own `state_dict()` has, and what was renamed, in words
 * @throws UnusableContent when two names become the same
 */
export function canonicalNames<Value>(values: Readonly<Record<string, Value>>) {
  const changes = new Set<string>();
  const unwrapped = rename(Object.entries(values), (name) => {
    const prefix = WRAPPERS.exec(name)?.[0];
    if (prefix === undefined) return name;
    changes.add(`without the prefix ${prefix}`);
    return name.slice(prefix.length);
  });
  const own = ofAlgorithm(unwrapped, changes);
  const names = [...own.keys()];
  const result = rename([...own], (name) => {
    const [, head, parameter] = SEQUENTIAL_HEAD.exec(name) ?? [];
    if (head === undefined || parameter === undefined) return name;
    // A head of several layers is another architecture, and is reported by the names it has.
    const hasMore = names.some((other) => other.startsWith(`${head}.`) && !other.startsWith(`${head}.0.`));
    if (hasMore) return name;
    changes.add(`with ${head}.0 as ${head}`);
    return `${head}.${parameter}`;
  });
  return { values: Object.fromEntries(result), changes: [...changes] };
}

function ofAlgorithm<Value>(values: Map<string, Value>, changes: Set<string>): Map<string, Value> {
  const names = [...values.keys()];
  if (!names.some((name) => name.startsWith(FEATURIZER)) || !values.has('classifier.weight')) return values;
  const head = names.includes(`${FEATURIZER}cls_token`) ? 'head' : 'fc';
  changes.add(`with ${FEATURIZER.slice(0, -1)} as the model and classifier as ${head}`);
  const kept = [...values].filter(([name]) => name.startsWith(FEATURIZER) || CLASSIFIER.test(name));
  return rename(kept, (name) =>
    name.startsWith(FEATURIZER) ? name.slice(FEATURIZER.length) : name.replace(CLASSIFIER, `${head}.$1`),
  );
}

function rename<Value>(
  entries: readonly (readonly [string, Value])[],
  to: (name: string) => string,
): Map<string, Value> {
  const result = new Map<string, Value>();
  for (const [name, value] of entries) {
    const renamed = to(name);
    if (result.has(renamed)) {
      throw new UnusableContent(
        `two of its tensors are ${shown(renamed)} once the prefixes are taken off. Save one of them`,
      );
    }
    result.set(renamed, value);
  }
  return result;
}
