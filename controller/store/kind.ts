/** Which database a store is in: the two differ in a handful of places, all of which ask this. */
export type StoreKind = "sqlite" | "postgres";
