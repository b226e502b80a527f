/** Name of the hidden states of an encoder, [batch, sequence, hidden], as exporters call them. */
export const HIDDEN = 'last_hidden_state';

/** Name of the answers of a classifier: [batch, labels], or [batch, sequence, labels] for one of tokens. */
export const LOGITS = 'logits';

/** Name of the one input that carries every parameter. */
export const PARAMETERS_INPUT = 'parameters';

/** Name of the one output that carries the gradients. */
export const GRADIENTS_OUTPUT = 'gradients';
