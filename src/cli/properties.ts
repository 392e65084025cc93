import type { Dataset } from '../data/dataset.js';
import { IMAGE_PROPERTIES, imageProperties } from '../data/imageProperties.js';
import { maxT, type RankCell } from '../metrics/maxT.js';
import type { JobOptions } from '../progress.js';

export const PROPERTIES_HELP =
  'also ask which image properties (brightness, contrast, colour, sharpness, border, aspect, bytes) go with a class';

/** AUC from which a property is worth a look (a judgement); p says only that it is no chance. */
const NOTABLE = 0.65;
const SIGNIFICANT = 0.05;
/** Images named for each end of a property. */
const EXTREMES = 3;

/** A property that goes with a class, or within a class with being wrong. */
export interface PropertyFinding {
  readonly property: string;
  readonly class: string;
  readonly about: 'class' | 'wrong';
  /** Whether the class is compared with the others, or its wrong images with its right ones. */
  readonly auc: number;
  /** Over all properties and classes. */
  readonly pValue: number;
  /** The class's images with the smallest and largest values. */
  readonly lowest: readonly string[];
  readonly highest: readonly string[];
}

/**
 * Measures image properties that go with a class, or within a class with being wrong. Near-duplicates count once. Writes nothing.
 *
 * @param isWrong of each index; default: not known
 */
export async function propertyFindings(
  dataset: Dataset,
  indices: Int32Array,
  job: JobOptions,
  isWrong?: readonly boolean[],
): Promise<PropertyFinding[]> {
  const { columns, duplicates } = await imageProperties(dataset, indices, job);
  const labels = indices.map((index) => dataset.labels[index] as number);
  const known = new Set<string>();
  const kept = Int32Array.from(indices.keys()).filter((i) => {
    const key = `${duplicates[i] as number}/${labels[i] as number}`;
    return !known.has(key) && known.add(key);
  });
  const values = columns.map((column) => Float64Array.from(kept, (i) => column[i] as number));
  const own = kept.map((i) => labels[i] as number);
  const found = (about: PropertyFinding['about'], { column, auc, pValue }: RankCell, y: number) => {
    const ofClass = [...indices.keys()].filter((i) => labels[i] === y);
    ofClass.sort((a, b) => (columns[column]?.[a] ?? 0) - (columns[column]?.[b] ?? 0));
    const paths = ofClass.map((i) => dataset.examples[indices[i] as number]?.filename ?? '');
    const named = { property: IMAGE_PROPERTIES[column] ?? '', class: dataset.targetNames[y] ?? String(y) };
    const [lowest, highest] = [paths.slice(0, EXTREMES), paths.slice(-EXTREMES).reverse()];
    return { ...named, about, auc, pValue, lowest, highest };
  };
  const wrong = isWrong ? kept.map((i) => Number(isWrong[i])) : undefined;
  return [
    ...maxT(values, own).map((cell) => found('class', cell, cell.part)),
    ...(wrong ? maxT(values, wrong, { blocks: own }).map((cell) => found('wrong', cell, cell.block)) : []),
  ];
}

/** Words the properties that are no chance and large as questions. */
export function propertyLines(findings: readonly PropertyFinding[]): string[] {
  const strength = ({ auc }: PropertyFinding): number => Math.max(auc, 1 - auc);
  const notable = findings.filter((one) => one.pValue <= SIGNIFICANT && strength(one) >= NOTABLE);
  if (notable.length === 0) return ['Image properties: none goes with a class, or with being wrong.'];
  return notable
    .toSorted((a, b) => strength(b) - strength(a))
    .map(({ property, class: name, about, auc, pValue, lowest, highest }) => {
      const more = auc > 0.5 ? 'more' : property === 'bytes' ? 'fewer' : 'less';
      const what =
        about === 'class'
          ? `than in other classes. Is that ${name}, or a shortcut?`
          : 'in wrong images than in right ones. Does that mislead?';
      const example = auc > 0.5 ? highest : lowest;
      return `${name}: ${more} ${property} ${what} AUC ${auc.toFixed(2)}, p = ${pValue.toPrecision(1)}; such as ${example.join(', ')}.`;
    });
}
