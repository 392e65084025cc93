import { checkValues } from '../settings/options.js';
import { integer, valueType } from '../settings/values.js';
import * as z from '../zod.js';
import { type Architecture, ARCHITECTURES, isArchitecture } from './architectures.js';

export const architecture = valueType(z.custom<Architecture>(isArchitecture), {
  expected: `one of ${ARCHITECTURES.join(', ')}, or a file of torch.export, such as model.pt2`,
  form: 'text',
  words: ARCHITECTURES,
});

/** Checks the options of a model. Throws `USAGE`. */
export function checkModelOptions(options: object): void {
  const place = 'context' in options ? 'context' : 'device';
  checkValues(options, {
    types: { arch: architecture, numClasses: integer(1) },
    required: ['arch', 'numClasses', 'generator', place],
  });
}
