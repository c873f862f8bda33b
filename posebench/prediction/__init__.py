"""From keypoints to a folder of predicted poses."""
