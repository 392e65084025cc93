import { type AugmentationParts, SIMCLR } from '../train/augmentation.js';

/** Parses an augmentation as options write it: `none`, `dataset`, `simclr`, parts by name, or `minScale,maxScale,flip`. */
export function parseAugmentation(text: string): unknown {
  if (text === 'none') return null;
  if (text === 'dataset' || text === 'simclr') return text;
  const words = text.split(',');
  if (/^[\d.]/.test(text)) {
    const [least, most, horizontalFlip = Number.NaN, ...rest] = words.map(number);
    return rest.length > 0 ? text : { scale: [least, most], horizontalFlip };
  }
  const [first, ...others] = words;
  const [base, changes] = first === 'simclr' ? [SIMCLR, others] : [{}, words];
  return changes.reduce((parts, change) => ({ ...parts, ...parsePart(change) }), base);
}

const PARTS: Readonly<Record<string, (text: string) => AugmentationParts>> = {
  crop: (text) => ({ scale: text === 'none' ? undefined : range(text) }),
  ratio: (text) => ({ ratio: range(text) }),
  flip: (text) => ({ horizontalFlip: number(text) }),
  jitter(text) {
    const [strength = Number.NaN, probability = SIMCLR.colorJitter?.probability ?? 0] = text
      .split('@')
      .map(number);
    return { colorJitter: { strength, probability } };
  },
  grayscale: (text) => ({ grayscale: number(text) }),
  blur: (text) => ({ gaussianBlur: number(text) }),
};

/** Parses one part; an unknown name gives a value that no schema accepts. */
function parsePart(text: string): object {
  const [name = '', value = ''] = text.trim().split(/=(.*)/s);
  return PARTS[name]?.(value) ?? { [name]: value };
}

function range(text: string): readonly [number, number] {
  const [least = Number.NaN, most = Number.NaN, ...rest] = text.split('-').map(number);
  return rest.length > 0 ? [Number.NaN, Number.NaN] : [least, most];
}

function number(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}
