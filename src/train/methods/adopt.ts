import type { Dataset } from '../../data/dataset.js';
import { SpurmemError, usageError } from '../../errors.js';
import { type Architecture, isProgram } from '../../models/architectures.js';
import type { Program } from '../../models/exported/program.js';
import { RANGES } from '../../settings/ranges.js';
import { defined, resolveSettings, setting } from '../../settings/setting.js';
import { integer, severalOf, text } from '../../settings/values.js';
import { ERM_SETTINGS, MODEL_SETTINGS } from '../ermSettings.js';
import { INPUT_SETTINGS } from '../inputSettings.js';
import type { TrainingMethod } from '../method.js';
import { namedOutputs, withModelFolder } from '../modelFolder.js';
import { PREPROCESSING_NAMES } from '../namedPreprocessing.js';
import { modelConfig, programOf, requireData } from '../recipe.js';
import type { RunConfig } from '../runConfig.js';
import type { OptionsOf } from '../runOptions.js';

const { batchSize, precision } = ERM_SETTINGS;
const loss = setting({
  type: ERM_SETTINGS.loss.type,
  argument: 'loss',
  help: 'loss that gradients are taken of and images are measured by',
  default: 'cross-entropy',
  source: 'cross-entropy',
});

const INPUT_NAMES = Object.keys(INPUT_SETTINGS) as (keyof typeof INPUT_SETTINGS)[];

/** What adopting a checkpoint takes. */
export const ADOPT_SETTINGS = {
  ...MODEL_SETTINGS,
  weights: setting({
    ...MODEL_SETTINGS.weights,
    help: 'checkpoint that was trained elsewhere: .pth, .pt, .safetensors, a .pt2 of torch.export, or a folder of transformers or timm',
    isRequired: true,
    otherwise: 'required',
    default: undefined,
  }),
  head: setting({
    type: text('a safetensors or PyTorch file'),
    argument: 'file',
    help: 'file with the checkpoint\u2019s head, one linear layer, if that is another one',
    default: undefined,
    otherwise: 'in the checkpoint',
    source: 'not given',
  }),
  classes: setting({
    type: severalOf(integer(...RANGES.label)),
    argument: 'list',
    help: 'outputs of the checkpoint\u2019s head that are the data\u2019s classes, in their order, counted from 0',
    default: undefined,
    otherwise: 'all, if there are as many',
    source: 'not given',
  }),
  preprocessing: setting({
    type: text(
      `one of ${PREPROCESSING_NAMES.join(', ')}, or a JSON file of timm (pretrained_cfg) or transformers (preprocessor_config.json)`,
    ),
    argument: 'name',
    help: `the model\u2019s input: ${PREPROCESSING_NAMES.join(', ')}, or a JSON file of timm (pretrained_cfg) or transformers (preprocessor_config.json)`,
    default: undefined,
    otherwise: 'as the dataset prepares them',
    source: 'not given',
  }),
  batchSize,
  precision,
  loss,
} as const;

/** Options of `train('adopt', …)`: the checkpoint and what its file does not tell. */
export type AdoptOptions = OptionsOf<typeof ADOPT_SETTINGS>;

/**
 * Makes a run of a checkpoint that was trained elsewhere: the network and its head as they are, measured on every split. Traces, reports,
 * last-layer retraining and fine-tuning then start from it.
 */
export const adoption: TrainingMethod<RunConfig, AdoptOptions> = {
  name: 'adopt',
  title: 'Adopted model',
  description: 'make a run of a checkpoint that was trained elsewhere',
  startsFrom: 'data',
  settings: ADOPT_SETTINGS,
  /**
   * Throws `USAGE` without a checkpoint, `WEIGHTS_INVALID` for one of another architecture or other classes, `MODEL_INVALID` for a damaged
   * program, and what `make` throws.
   */
  async start(given) {
    const isExport = given.weights !== undefined && isProgram(given.weights);
    const weights = isExport ? undefined : given.weights;
    const { options: completed, folder } = await withModelFolder({ ...given, data: requireData(given.data) });
    const arch = isExport ? (given.weights as Architecture) : completed.arch;
    const program = programOf(arch, arch, given.output);
    if (weights === undefined && program === undefined) {
      const expected = 'a checkpoint';
      throw usageError('weights', given.weights, expected, '`weights` is missing: it takes a checkpoint.');
    }
    const named = folder && given.classes === undefined ? await namedOutputs(completed, folder) : {};
    const options = { ...completed, ...defined(named), weights, arch };
    const { classes } = options;
    if (!INPUT_NAMES.some((name) => options[name] !== undefined)) {
      given.onWarning?.(
        'A checkpoint does not tell which images it was trained on. If the line on its input is wrong, give `preprocessing`, or `imageSize`, `mean` and `std`.',
      );
    }
    return {
      options: { ...options, resume: true },
      weights,
      program,
      keepsHead: { classes, head: given.head },
      configOf: (dataset, network) => configOf(options, dataset, network, weights ?? program?.path),
    };
  },
  task: () => ({}),
};

async function configOf(
  options: AdoptOptions,
  dataset: Dataset,
  program: Program | undefined,
  start: string | undefined,
): Promise<RunConfig> {
  const { classes } = options;
  if (classes !== undefined && classes.length !== dataset.numClasses) {
    throw new SpurmemError(
      'USAGE',
      `\`classes\` names ${classes.length} outputs, and the data have ${dataset.numClasses} classes: ${dataset.targetNames.join(', ')}.`,
      { parameter: 'classes', value: classes, advice: ['Name one output for each class, in that order.'] },
    );
  }
  const own = resolveSettings({ batchSize, precision, loss }, 'article', options);
  return {
    command: 'adopt',
    protocol: 'article',
    ...(await modelConfig(options, dataset, program, start)),
    ...(classes === undefined ? {} : { classes: [...classes] }),
    ...own,
    select: 'last',
    seed: options.seed ?? 0,
  };
}
