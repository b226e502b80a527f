// What packages of this project share and the README does not name: no promise is made about it.
export { elementAt, hasKey, isObject, isUnshared, keysOf, present } from './values.js';
