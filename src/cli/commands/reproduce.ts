import type { Command } from 'commander';
import { engineOptions } from '../../native/engine.js';
import { addJob } from '../job.js';
import { addComputeOptions, type ComputeOptions, pick } from '../options.js';
import { quickstartScreen } from '../quickstartScreen.js';
import { addFig10Command } from './gradCam.js';
import { addPart1Commands } from './reproducePart1.js';

interface QuickstartCommandOptions extends ComputeOptions {
  readonly data: string;
  readonly out: string;
  readonly weights?: string;
  readonly fashionMnist?: string;
  readonly full?: boolean;
}

export function addCommand(reproduce: Command): void {
  addPart1Commands(reproduce);
  const quickstart = reproduce
    .command('quickstart')
    .description('the whole workflow on real images: train, trace, fine-tune, report')
    .option('--data <folder>', 'folder for the dominoes benchmark', 'data')
    .option('--out <run>', 'run folder', 'runs/quickstart')
    .option('--weights <file>', 'safetensors or PyTorch file to start from instead of pretraining')
    .option('--fashion-mnist <folder>', 'folder with Fashion-MNIST\u2019s four .gz files')
    .option('--full', 'twice the images and more epochs, in float32; takes ten minutes');
  addJob<QuickstartCommandOptions>(addComputeOptions(quickstart), async (options, output, control) => {
    const start = performance.now();
    const { reproduceQuickstart } = await import('../../study/quickstart.js');
    const result = await reproduceQuickstart({
      ...pick(options, 'data', 'out', 'weights', 'fashionMnist', 'full', 'seed'),
      ...engineOptions(options),
      ...control,
      onStep: output.info,
      onEpoch: output.epochLines(),
    });
    const { dataset: _dataset, ...document } = result;
    output.result(quickstartScreen(result, (performance.now() - start) / 1000), document);
  });
  addFig10Command(reproduce);
}
