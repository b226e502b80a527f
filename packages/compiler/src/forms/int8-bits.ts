/**
 * Bits of a weight: 8, or 7 on processors whose 8-bit products saturate (AVX2 without VNNI adds pairs of products in 16
 * bits).
 */
export type Int8Bits = 7 | 8;
