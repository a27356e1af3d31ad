/** Translates the texts that the pack shows on the page. The English text is the key of its translations. */

import { CHINESE } from "./zh.js";

const TABLES = { zh: CHINESE };
let table = {};

/** `locale` as in the frontend's setting Comfy.Locale. A locale without a table here shows English. */
export function setLocale(locale) {
  table = TABLES[locale] ?? {};
}

/** The text in the current locale, with each {name} in it replaced by values[name]. */
export const translate = (text, values = {}) => (table[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
