package ripper

const childVariable = "RIPPER_TEST_CHILD"

func child() int { return 0 }
