import { testFinetuneSteps } from './finetuneSteps.js';

testFinetuneSteps([
  ['shared', 'none'],
  ['frozen', 'none'],
  ['shared', 'auxiliary'],
]);
