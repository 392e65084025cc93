import { testFinetuneSteps } from './finetuneSteps.js';

// The others: finetune.slow.test.ts.
testFinetuneSteps(['separate']);
