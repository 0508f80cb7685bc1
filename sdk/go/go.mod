module treadle

go 1.19
