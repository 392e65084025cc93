import { native, type Network, type NetworkOptions, type Tensor } from '../../native/addon.js';
import type { Program } from './program.js';

/** The network of a program, with weights of zero but for the head's, which are drawn as torch.nn.Linear draws them. */
export async function createProgramNetwork(
  { plan, file }: Program,
  options: Omit<NetworkOptions, 'family' | 'design'> & { readonly numClasses: number },
): Promise<Network> {
  const tensors: Tensor[] = [];
  try {
    const inputs = [];
    for (const input of plan.inputs) {
      const { shape, data } = (input.kind === 'constant' ? file.constants[input.name] : undefined) ?? {};
      if (shape === undefined || data === undefined) inputs.push(input);
      else {
        const constant = await native().tensor(data, shape, 'cpu');
        tensors.push(constant);
        inputs.push({ ...input, constant });
      }
    }
    return await native().createProgram({ ...options, plan: { ...plan, inputs } });
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
}
