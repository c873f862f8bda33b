"""What a lifter costs: time, memory and multiply-accumulates in passes of their own, and whether the clock was cheated."""
