import type { Command } from 'commander';
import { addRecipeCommand } from '../recipeCommand.js';
import { addBaselineCommands } from './trainBaselines.js';
import { addDfrCommand } from './trainDfr.js';
import { addFinetuneCommand } from './trainFinetune.js';

export function addTrainCommands(train: Command): void {
  addRecipeCommand(train, {
    name: 'erm',
    description: 'empirical risk minimization with the article\u2019s recipe',
    load: async () => (await import('../../train/erm.js')).trainErm,
  });
  addFinetuneCommand(train);
  addBaselineCommands(train);
  addDfrCommand(train);
}
