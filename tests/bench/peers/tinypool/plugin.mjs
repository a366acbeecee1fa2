/**
 * What tinypool's thread runs; the library asks for a default export.
 * @module
 */
export default (payload) => payload;
