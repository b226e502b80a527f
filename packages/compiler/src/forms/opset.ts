/** The operator set every graph is brought to: the first in which all reductions take their axes as an input. */
export const TARGET_OPSET = 18;
