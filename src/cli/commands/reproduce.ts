import type { Command } from 'commander';
import { addJob } from '../job.js';
import { ENGINE, ownOptions, SEED } from '../options.js';
import { quickstartScreen } from '../quickstartScreen.js';
import { addFig10Command } from './gradCam.js';
import { addPart1Commands } from './reproducePart1.js';

const QUICKSTART = ownOptions<{
  readonly data: string;
  readonly out: string;
  readonly weights?: string;
  readonly fashionMnist?: string;
  readonly full?: boolean;
}>((command) =>
  command
    .option('--data <folder>', 'folder for the dominoes benchmark', 'data')
    .option('--out <run>', 'run folder', 'runs/quickstart')
    .option('--weights <file>', 'safetensors or PyTorch file to start from instead of pretraining')
    .option('--fashion-mnist <folder>', 'folder with Fashion-MNIST\u2019s four .gz files')
    .option('--full', 'twice the images and more epochs, in float32; takes ten minutes'),
);

export function addCommand(reproduce: Command): void {
  addPart1Commands(reproduce);
  const quickstart = reproduce
    .command('quickstart')
    .description('the whole workflow on real images: train, trace, fine-tune, report');
  addJob(quickstart, [QUICKSTART, ENGINE, SEED], async (given, output, control) => {
    const start = performance.now();
    const { reproduceQuickstart } = await import('../../study/quickstart.js');
    const onEpoch = output.epochLines();
    const result = await reproduceQuickstart({ ...given, ...control, onStep: output.info, onEpoch });
    const { dataset: _dataset, ...document } = result;
    output.result(quickstartScreen(result, (performance.now() - start) / 1000), document);
  });
  addFig10Command(reproduce);
}
