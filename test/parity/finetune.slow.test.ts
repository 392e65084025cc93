import { testFinetuneSteps } from './finetuneSteps.js';

testFinetuneSteps(['shared', 'frozen']);
