import "../../../integration/access/flood.ts";
